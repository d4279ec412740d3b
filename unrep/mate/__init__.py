"""What a mate without IT training needs: to take in a stick, to hold, to go back, and a page that says how it stands.

May be touched for what a mate sees and does. What happens at the site itself is in `apply`.
"""
