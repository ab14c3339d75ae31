"""What people see of a run: a table, curves, bit maps and validations."""
