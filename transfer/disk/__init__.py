"""What a fetch keeps on disk: partial outputs, their state file, their lock, and stores of pieces.

What is read back is verified again. Only this room writes beside an output.
"""
