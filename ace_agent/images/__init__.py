"""Reading and writing image files, and the operators on images that training and the product share."""
