# One image for the server, the worker and the migrations; docker-compose.yml says what each runs. There is no build step.
FROM node:24-bookworm-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY . .
# Where the files of exports lie; a volume mounted here takes over its owner.
RUN install -d -o node -g node /data
USER node
EXPOSE 5678
CMD ["node", "server/main.ts"]
