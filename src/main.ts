/**
 * The production process. Listens for signals before it loads everything else, because process 1 of a container ignores
 * them until then.
 */
import './signals.ts';

await import('./start.ts');
