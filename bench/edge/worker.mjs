// The same job in JavaScript, with the libraries that one would take for it: the token by jose, the signature by
// aws4fetch, which keeps its signing key for the day. jose keeps the key set and verifies each token anew.
// It judges no body, counts nothing, keeps no audit and masks no error.

import { AwsClient } from "aws4fetch";
import { createRemoteJWKSet, jwtVerify } from "jose";

const SERVICE = "AWSCognitoIdentityProviderService.";
const ALLOWED = { admin: new Set(["AdminGetUser", "ListUsers"].map((name) => SERVICE + name)) };
const MEDIA = "application/x-amz-json-1.1";

let made;

function tools(env) {
  made ??= {
    keySet: createRemoteJWKSet(new URL(env.JWKS_URL)),
    aws: new AwsClient({
      accessKeyId: env.AWS_ACCESS_KEY_ID,
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
      region: env.REGION,
      service: "cognito-idp",
      retries: 0,
    }),
  };
  return made;
}

function refused(status, type) {
  return Response.json({ __type: type, message: "refused" }, { status, headers: { "content-type": MEDIA } });
}

async function claimsOf(request, env, keySet) {
  const [scheme, token] = (request.headers.get("authorization") ?? "").split(" ");
  if (scheme !== "Bearer" || !token) {
    return null;
  }
  try {
    const { payload } = await jwtVerify(token, keySet, { issuer: env.ISSUER, algorithms: ["RS256"] });
    return payload.token_use === "access" && payload.client_id === env.CLIENT ? payload : null;
  } catch {
    return null;
  }
}

export default {
  async fetch(request, env) {
    if (request.method !== "POST") {
      return new Response("hello");
    }
    const { keySet, aws } = tools(env);
    const claims = await claimsOf(request, env, keySet);
    if (claims === null) {
      return refused(401, "NotAuthorizedException");
    }
    const target = request.headers.get("x-amz-target") ?? "";
    const groups = claims["cognito:groups"] ?? [];
    if (!groups.some((group) => ALLOWED[group]?.has(target))) {
      return refused(403, "AccessDeniedException");
    }
    const answer = await aws.fetch(env.UPSTREAM, {
      method: "POST",
      headers: { "content-type": MEDIA, "x-amz-target": target },
      body: await request.text(),
    });
    const headers = { "content-type": answer.headers.get("content-type") ?? MEDIA, "cache-control": "no-store" };
    return new Response(answer.body, { status: answer.status, headers });
  },
};
