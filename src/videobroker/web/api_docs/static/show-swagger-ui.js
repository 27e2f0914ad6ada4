SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // Otherwise the document is sent to validator.swagger.io.
  validatorUrl: null,
});
