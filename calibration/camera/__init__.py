"""The light on the tray and the colour of the camera: measured, kept, applied, watched."""
