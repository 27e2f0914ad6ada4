/**
 * Swagger UI has a link inside of the button that opens an operation, which screen readers cannot reach. The button
 * also sets the address of the operation. The links of tags remain.
 * @param {{ React: { createElement: (type: unknown, props: unknown, ...children: unknown[]) => unknown } }} system
 */
function withoutLinksInButtons(system) {
  "use strict";
  const replaced = (/** @type {unknown} */ DeepLink) => (/** @type {{ path: string, text: unknown }} */ props) =>
    props.path.includes("/")
      ? system.React.createElement("span", null, props.text)
      : system.React.createElement(DeepLink, props);
  return { wrapComponents: { DeepLink: replaced } };
}

function nameServers() {
  "use strict";
  document.getElementById("servers")?.setAttribute("aria-label", "Server");
}

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  // Otherwise the document is sent to validator.swagger.io.
  validatorUrl: null,
  // The page opens with operations, not with all schemas.
  defaultModelsExpandDepth: 0,
  // The colors of the highlighter have too little contrast.
  syntaxHighlight: false,
  plugins: [withoutLinksInButtons],
  onComplete: nameServers,
});
