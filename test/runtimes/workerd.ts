/** Runs a Worker in workerd, the runtime of Cloudflare Workers. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WorkerRequest } from './programs/worker.ts'
import { node22 } from './runtimes.ts'

export interface RunningWorker {
  /** Sends a request to the Worker, and returns the JSON of its answer. */
  ask(request: WorkerRequest): Promise<Readonly<Record<string, unknown>>>
  stop(): Promise<void>
}

const host = fileURLToPath(new URL('workerd-host.mjs', import.meta.url))

/** `compatibilityDate`: selects the changes of workerd that the Worker sees. */
export async function startWorker(file: string, compatibilityDate: string): Promise<RunningWorker> {
  const child = spawn(node22, [host, file, compatibilityDate], { stdio: ['pipe', 'pipe', 'pipe'] })
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
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
