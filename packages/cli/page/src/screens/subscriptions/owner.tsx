/** The worker that owns a partition: `host/process/worker`. */

export interface Owner {
  readonly host: string
  readonly process: string
  readonly worker: string
}

/** The name of a host may have slashes, if the program chose the name of its workers. */
export function ownerOf(name: string): Owner {
  const parts = name.split('/')
  const worker = parts.length > 1 ? (parts.pop() ?? '') : ''
  const process = parts.length > 1 ? (parts.pop() ?? '') : ''
  return { host: parts.join('/'), process, worker }
}

const mostShown = 3

/** The processes, each once, with the number of their workers. */
export function Owners({ owners }: { readonly owners: readonly string[] }) {
  const processes = new Map<string, number>()
  for (const name of owners) {
    const { host, process } = ownerOf(name)
    const shown = process === '' ? host : `${host} · ${process}`
    processes.set(shown, (processes.get(shown) ?? 0) + 1)
  }
  const shown = [...processes].slice(0, mostShown)
  const more = processes.size - shown.length
  return (
    <>
      {shown.map(([process, workers]) => (
        <div key={process}>
          {process}
          {workers > 1 && ` (${workers} workers)`}
        </div>
      ))}
      {more > 0 && <div>and {more} more</div>}
    </>
  )
}
