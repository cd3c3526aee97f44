/** Runs a Worker in workerd, the runtime of Cloudflare Workers. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { node22 } from './runtimes.ts'

export interface RunningWorker {
  /** Sends a request to the Worker, and returns the JSON of its answer, or the status and text of another answer. */
  ask(request: object): Promise<Readonly<Record<string, unknown>>>
  /** Starts the cron trigger of the Worker, and returns the status of the answer. */
  schedule(): Promise<number>
  stop(): Promise<void>
}

const host = fileURLToPath(new URL('workerd-host.mjs', import.meta.url))

/**
 * `compatibilityDate`: selects the changes of workerd that the Worker sees. `databaseUrl`: where the binding HYPERDRIVE
 * leads to.
 */
export async function startWorker(
  file: string,
  compatibilityDate: string,
  databaseUrl?: string,
): Promise<RunningWorker> {
  const words = [host, file, compatibilityDate, ...(databaseUrl === undefined ? [] : [databaseUrl])]
  const child = spawn(node22, words, { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (text) => {
    complaints += text
  })
  const ended = once(child, 'close')
  const [line] = await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => {
      throw new Error(`workerd does not start: ${complaints}`)
    }),
  ])
  const { url } = JSON.parse(String(line))
  return {
    async ask(request) {
      const body = JSON.stringify(request)
      const answer = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(30_000) })
      const text = await answer.text()
      try {
        return JSON.parse(text)
      } catch {
        return { status: answer.status, text }
      }
    },
    async schedule() {
      const answer = await fetch(new URL('/cdn-cgi/handler/scheduled', url), {
        signal: AbortSignal.timeout(30_000),
      })
      await answer.text()
      return answer.status
    },
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
