"""What is measured per picture and how it is summarised: one study per table or figure."""
