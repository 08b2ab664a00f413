"use strict";
// All addresses are relative to this page. A proxy can therefore serve it below any path prefix.
fetch("swagger.json").then(response => response.json()).then(({schemes, host, ...spec}) => SwaggerUIBundle({
  spec: {...spec, basePath: new URL(".", location).pathname},
  dom_id: "#swagger-ui",
  docExpansion: "list",
  validatorUrl: null,
}));
