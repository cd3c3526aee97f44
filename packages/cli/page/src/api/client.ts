/** Calls the API of the console. */
import type { Problem } from '../../../src/console/shapes/store.ts'
import { noteAnswer, noteAway } from './connection.ts'

/** The API has refused a request, or could not be reached. */
export class ApiError extends Error {
  /** 0: the console could not be reached. */
  readonly status: number
  readonly code: string

  constructor(message: string, status: number, code: string) {
    super(message)
    this.status = status
    this.code = code
  }

  /** Whether the console or the database is away, so that the same request may succeed later. */
  get isAway(): boolean {
    return this.status === 0 || this.status >= 502
  }
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** @throws ApiError */
export function get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  return request(apiAddress(path, query), signal === undefined ? {} : { signal })
}

/** @throws ApiError */
export function post<Answer>(path: string, body: object): Promise<Answer> {
  return request(apiAddress(path), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** The address of a route of the API, relative to the page. */
export function apiAddress(path: string, query: Query = {}): string {
  const words = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') words.set(name, String(value))
  }
  return words.size === 0 ? `./api/${path}` : `./api/${path}?${words}`
}

async function request<Answer>(path: string, init: RequestInit): Promise<Answer> {
  let response: Response
  try {
    response = await fetch(path, init)
  } catch (error) {
    if (init.signal?.aborted) throw error
    noteAway('The console does not answer.')
    throw new ApiError('The console does not answer.', 0, 'away')
  }
  if (response.ok) {
    noteAnswer()
    return response.json() as Promise<Answer>
  }
  const problem: Partial<Problem> = await response.json().catch(() => ({}))
  const error = new ApiError(
    problem.detail ?? `The console answers ${response.status}.`,
    response.status,
    problem.code ?? 'unknown',
  )
  if (error.isAway) noteAway(error.message)
  else noteAnswer()
  throw error
}
