"""The description of the API, in Swagger 2.0 and OpenAPI 3.0."""
