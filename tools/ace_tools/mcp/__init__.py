"""The operations as an MCP server."""
