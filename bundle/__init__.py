"""The bundle format: manifest, recipes, packs, signing, delta encoders, builder and reader."""
