"""The protocol of the paper, and the time that the network takes."""
