/** Asks the API of a console, and reads its frames. */
import type { z } from '@hono/zod-openapi'
import { expect } from 'vitest'
import type { Console } from '../../src/console/console.ts'

type Query = Readonly<Record<string, string | number | undefined>>

/** A path of the API with its parameters. */
export function pathOf(path: string, query: Query = {}): string {
  const words = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) words.append(name, String(value))
  return `/api${path}?${words}`
}

/** Asks for a page, which must have the shape, and nothing else than the shape says. */
export async function ask<Shape extends z.ZodType>(
  app: Console,
  shape: Shape,
  path: string,
  query: Query = {},
): Promise<z.infer<Shape>> {
  const response = await app.request(pathOf(path, query))
  const text = await response.text()
  expect([response.status, text.slice(0, 300)]).toEqual([200, expect.anything()])
  const body: unknown = JSON.parse(text)
  const parsed = shape.parse(body)
  // Parsing leaves out what the shape does not know.
  expect(parsed).toEqual(body)
  return parsed
}

/** One frame of Server-Sent Events. */
export interface ReceivedFrame {
  readonly event?: string
  readonly id?: string
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what its frames have
  readonly data?: any
}

/** Reads frames until `isEnough` holds, or the time in milliseconds is over, then leaves. */
export async function framesOf(
  response: Response,
  isEnough: (frames: readonly ReceivedFrame[]) => boolean,
  time = 10_000,
): Promise<readonly ReceivedFrame[]> {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const frames: ReceivedFrame[] = []
  const decoder = new TextDecoder()
  let text = ''
  const timer = setTimeout(() => void reader.cancel(), time)
  try {
    while (!isEnough(frames)) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
      const parts = text.split('\n\n')
      text = parts.pop() ?? ''
      frames.push(...parts.map(frameOf))
    }
  } finally {
    clearTimeout(timer)
    await reader.cancel()
  }
  return frames
}

function frameOf(text: string): ReceivedFrame {
  const fields = Object.fromEntries(text.split('\n').map((line) => line.split(/: (.*)/s)))
  return { ...fields, ...(fields.data !== undefined && { data: JSON.parse(fields.data) }) }
}
