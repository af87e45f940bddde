// An admin's list of users: it pages, finds, and switches users on and off. It asks the typed client for everything.
import { type Client, GatewayProblem, type User } from "cognito-edge-gateway-client";
import { type FormEvent, useEffect, useState } from "react";

const PAGE = 20;

/** What a person is told of a failure. */
export const told = (error: unknown): string =>
  error instanceof GatewayProblem ? `${error.message} (${error.type}, request ${error.requestId})` : String(error);

export function UserList({ client }: { client: Client }) {
  const [search, setSearch] = useState("");
  const [users, setUsers] = useState<readonly User[]>([]);
  const [cursor, setCursor] = useState<string | null>(null);
  const [problem, setProblem] = useState("");

  const load = async (from: string | null, signal?: AbortSignal) => {
    setProblem("");
    try {
      const query = { limit: PAGE, ...(search && { search }), ...(from !== null && { cursor: from }) };
      const page = await client.listUsers({ query, signal });
      setUsers((shown) => (from === null ? page.items : [...shown, ...page.items]));
      setCursor(page.cursor);
    } catch (error) {
      if (!signal?.aborted) setProblem(told(error));
    }
  };

  // An answer that comes late does not overwrite that of a newer search.
  useEffect(() => {
    const stop = new AbortController();
    void load(null, stop.signal);
    return () => stop.abort();
  }, [client, search]);

  const find = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setSearch(String(new FormData(event.currentTarget).get("search")));
  };

  const toggle = async ({ username, enabled }: User) => {
    setProblem("");
    try {
      const path = { username };
      await (enabled ? client.disableUser({ path }) : client.enableUser({ path }));
      const now = await client.getUser({ path });
      setUsers((shown) => shown.map((user) => (user.sub === now.sub ? now : user)));
    } catch (error) {
      setProblem(told(error));
    }
  };

  return (
    <section>
      <form onSubmit={find}>
        <label>
          Search <input name="search" type="search" maxLength={256} />
        </label>
        <button>Find</button>
      </form>
      {problem && <p role="alert">{problem}</p>}
      <table>
        <thead>
          <tr>
            <th>User name</th>
            <th>E-mail</th>
            <th>Status</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <tr key={user.sub}>
              <td>{user.username}</td>
              <td>{user.email}</td>
              <td>{user.enabled ? user.status : "disabled"}</td>
              <td>
                <button onClick={() => void toggle(user)}>{user.enabled ? "Disable" : "Enable"}</button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {cursor !== null && <button onClick={() => void load(cursor)}>More</button>}
    </section>
  );
}
