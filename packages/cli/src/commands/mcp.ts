/** `mcp`: lets an assistant read the store, over the Model Context Protocol on standard input and output. */
import { Command } from 'commander'
import type { Runner } from '../context.ts'

export function mcpCommand(runner: Runner): Command {
  return new Command('mcp')
    .description('Serve the store to an assistant (Model Context Protocol over stdio). Changes nothing.')
    .action((_options: object, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const { serveMcp } = await import('../mcp/serve.ts')
        await serveMcp(context)
      }),
    )
}
