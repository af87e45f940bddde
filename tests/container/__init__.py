"""The image, built and run for real, with the container engine of this machine."""
