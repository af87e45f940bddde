// React's admin list with the typed client.
// usage: scripts/dev in one terminal; in another: scripts/client, then cd examples && npm install && npm run react,
//        then http://localhost:5173, and sign in as admin@example.com with Passw0rd!dev
// Another gateway: change its address in index.html; there this page's origin must be one of GATEWAY_ALLOWED_ORIGINS.
import { createClient } from "cognito-edge-gateway-client";
import { type FormEvent, useState } from "react";
import { createRoot } from "react-dom/client";
import { told, UserList } from "./UserList";

const baseUrl = document.querySelector<HTMLMetaElement>('meta[name="gateway"]')?.content ?? "";
let accessToken = ""; // in this module's memory only
const client = createClient({ baseUrl, token: () => accessToken });

function App() {
  const [signedIn, setSignedIn] = useState(false);
  const [problem, setProblem] = useState("");

  const signIn = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      const answer = await client.signIn({
        body: { username: String(form.get("username")), password: String(form.get("password")) },
      });
      if (answer.status === "challenge") return setProblem(`${answer.challenge} is asked for: not in this example`);
      accessToken = answer.tokens.accessToken;
      setSignedIn(true);
    } catch (error) {
      setProblem(told(error));
    }
  };

  if (signedIn) return <UserList client={client} />;
  return (
    <form onSubmit={(event) => void signIn(event)}>
      <label>
        User name <input name="username" autoComplete="username" required />
      </label>
      <label>
        Password <input name="password" type="password" autoComplete="current-password" required />
      </label>
      <button>Sign in</button>
      {problem && <p role="alert">{problem}</p>}
    </form>
  );
}

const root = document.querySelector("#root");
if (root !== null) createRoot(root).render(<App />);
