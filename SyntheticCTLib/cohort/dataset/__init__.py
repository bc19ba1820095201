"""The data set a cohort becomes: where its files lie, how it is read again, its label maps, table and card."""
