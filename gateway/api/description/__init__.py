"""What describes the REST side: the OpenAPI document made from the rows, and the pages that show it."""
