/* Starts Swagger UI; the validator badge is left out because it would ask an outside server. */
"use strict";

SwaggerUIBundle({
  url: document.getElementById("swagger").dataset.openapiUrl,
  dom_id: "#swagger",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  filter: true,
  persistAuthorization: true,
});
