"""TypeScript for Node 20 and browsers, with nothing but `fetch`."""
