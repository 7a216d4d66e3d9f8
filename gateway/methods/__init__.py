"""REST of methods: `POST /api/v1/methods/Volume.resize` with JSON in and out, and the tasks of asynchronous calls."""
