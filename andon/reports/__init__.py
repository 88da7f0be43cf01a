"""Tables to Excel workbooks, HTML and charts."""
