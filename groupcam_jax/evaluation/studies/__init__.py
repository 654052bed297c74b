"""What is measured of every picture, and what is made of all of them: a study for each table or figure."""
