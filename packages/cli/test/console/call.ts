/** Calls the API of a console, without a server. */
import type { Console } from '../../src/console/index.ts'

export interface Answered {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what its route answers
  readonly body: any
}

export async function read(app: Console, path: string): Promise<Answered> {
  const answer = await app.request(`/api/${path}`)
  return { status: answer.status, body: await answer.json() }
}

export async function act(app: Console, path: string, body: object): Promise<Answered> {
  const headers = { 'content-type': 'application/json' }
  const answer = await app.request(`/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: await answer.json() }
}
