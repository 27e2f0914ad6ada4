"""The OpenAPI document: what FastAPI generates from the routes, completed for people and generators."""
