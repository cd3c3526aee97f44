/** Shows the progress of the benchmark: a bar on a terminal, and otherwise one line for each case. */
import { SingleBar } from 'cli-progress'

export interface Progress {
  begin(name: string): void
  turn(contestant: string, round: number): void
  /** Prints a line on the standard output, above the bar. */
  print(line: string): void
  stop(): void
}

export function showProgress(turns: number): Progress {
  return process.stderr.isTTY ? bar(turns) : lines()
}

function bar(turns: number): Progress {
  const format = '{bar} {percentage}%  {name}  {step}'
  const single = new SingleBar({
    format,
    stream: process.stderr,
    hideCursor: true,
    barsize: 24,
    clearOnComplete: true,
  })
  single.start(turns, 0, { name: '', step: '' })
  let name = ''
  return {
    begin(next) {
      name = next
      single.update({ name, step: 'setting up' })
    },
    turn: (contestant, round) => single.increment({ name, step: stepName(contestant, round) }),
    print(line) {
      process.stderr.write('\r\u001b[K')
      process.stdout.write(`${line}\n`)
      single.render()
    },
    stop: () => single.stop(),
  }
}

function lines(): Progress {
  return {
    begin: (name) => process.stderr.write(`${name} …\n`),
    turn() {},
    print: (line) => process.stdout.write(`${line}\n`),
    stop() {},
  }
}

function stepName(contestant: string, round: number): string {
  return `${contestant}, ${round === 0 ? 'warming up' : `round ${round}`}`
}
