"""Delta encoders: how one object is made from another in few bytes."""
