"""What is learned from: photographs, found, checked, shrunk and cut."""
