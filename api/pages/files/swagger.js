"use strict";
// All addresses are relative to this page. A proxy can therefore serve it below any path prefix.
fetch("swagger.json").then(response => response.json()).then(spec => SwaggerUIBundle({
  spec: {
    ...spec,
    schemes: [location.protocol.slice(0, -1)],
    host: location.host,
    basePath: new URL(".", location).pathname,
  },
  dom_id: "#swagger-ui",
  docExpansion: "list",
  validatorUrl: null,
}));
