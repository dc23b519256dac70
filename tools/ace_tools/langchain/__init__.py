"""The operations as LangChain tools and runnables."""
