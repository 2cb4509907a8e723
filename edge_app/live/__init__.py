"""The live loop: which frames may pass, what is made of them, what was counted."""
