"""Cohorts: many synthetic CTs of many bodies, from a plan to a data set, its exports and the report on its privacy."""
