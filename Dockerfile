# One image an app: docker build --build-arg APP=order -t flashmesh/order .
# The bundle has every dependency inside, so the image is the Node base and one file.
ARG NODE_IMAGE=docker.io/library/node:26-bookworm-slim

# Both stages before the last run where the build runs, whatever the image is for: what they make is JavaScript.
# What npm needs to know of the workspaces, apart: a changed source does not install again.
FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS manifests
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY libs ./libs
RUN find libs -type f ! -name package.json -delete

FROM --platform=${BUILDPLATFORM} ${NODE_IMAGE} AS build
WORKDIR /src
COPY --from=manifests /src ./
# The secret is for whoever reaches a registry of their own; without it the default is asked.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY nest-cli.json rspack.config.mjs tsconfig.json ./
COPY libs ./libs
COPY apps ./apps
ARG APP
RUN test -n "$APP" || { echo 'APP is not set: build with --build-arg APP=<folder of apps/>' >&2; exit 1; }
# Source maps stay behind: names are not mangled, and the maps are larger than the bundle.
RUN npx nest build "$APP" && mv "dist/apps/$APP" /app && find /app -name '*.map' -delete && echo '{"type":"module"}' > /app/package.json
RUN native=$(find /app -name '*.node' -o -name '*.so' -o -name '*.so.[0-9]*') && test -z "$native" || { echo "for one platform only: $native" >&2; exit 1; }

# No RUN from here on: a builder for one platform makes the images of all.
FROM ${NODE_IMAGE}
ARG APP
ARG VERSION=0.1.0
ARG REVISION=unknown
# No time of building: the same sources make the same image.
LABEL org.opencontainers.image.title="flashmesh-${APP}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build --chown=0:0 /app/ ./
USER 1000:1000
ENTRYPOINT ["node", "main.js"]
