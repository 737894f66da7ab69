"""What installs and runs a cluster: images, the Compose file, configuration of services."""
