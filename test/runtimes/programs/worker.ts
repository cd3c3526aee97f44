/** A Worker, as Cloudflare runs it. Each request opens a store, and closes it. */
import { type Kind, openStore } from '../open-store.ts'
import { inlineSeats, story } from '../story.ts'

export interface WorkerRequest {
  readonly scenario: 'story' | 'wrong address'
  readonly kind: Kind
  readonly url?: string | undefined
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { scenario, kind, url } = (await request.json()) as WorkerRequest
    try {
      return Response.json({ report: await run(scenario, kind, url) })
    } catch (error) {
      const { code, message, stack, cause } = error as Error & { code?: unknown }
      return Response.json({ code, message, stack, cause: String(cause) }, { status: 500 })
    }
  },
}

async function run(scenario: WorkerRequest['scenario'], kind: Kind, url: string | undefined): Promise<unknown> {
  if (scenario === 'story') {
    const { store, end } = await openStore(kind, { url, inline: [inlineSeats] })
    const report = await story(store)
    await end()
    return report
  }
  const { store, end } = await openStore(kind, { url, timeout: 1_000 })
  const code = await store.readStream('a').then(
    () => 'no error',
    (error) => error.code ?? String(error),
  )
  await store.close()
  await end()
  return code
}
