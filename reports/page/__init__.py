"""The analyst's page: drop images, see results as they come, look closely, build the report. Served locally."""
