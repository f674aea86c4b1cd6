import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { ROUTERS } from '../../../dev/supergraph/routers.ts';
import { ROUTER_SECRET } from '../../support/ask.ts';
import { describeRealRouter } from './real-router.ts';

const { executable } = ROUTERS.apollo;

describeRealRouter('apollo');

(executable ? describe : describe.skip)('supergraph/apollo/router.yaml', () => {
  it.each(['router.yaml', 'router.dev.yaml'])('and its folder pass `router config validate`: %s', (file) => {
    const args = ['config', 'validate', `supergraph/apollo/${file}`];
    expect(execFileSync(String(executable), args, { env: { ROUTER_SECRET }, encoding: 'utf8' })).toContain('is valid!');
  });
});
