"""Reinforcement learning on a walk along a line: deep Q with replay, REINFORCE with a baseline, all draws from torch."""
import random
from collections import deque, namedtuple
from itertools import count

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

random.seed(0)
torch.manual_seed(0)
Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class Walk:
    def reset(self):
        self.place, self.time = 3, 0
        return self.observe()

    def observe(self):
        return torch.eye(7)[self.place]

    def step(self, action):
        self.place, self.time = self.place + (1 if action else -1), self.time + 1
        done = self.place in (0, 6) or self.time > 20
        return self.observe(), float(self.place == 6), done


class ReplayMemory:
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, batch_size):
        return random.sample(self.memory, batch_size)


class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super().__init__()
        self.layer1, self.layer2 = nn.Linear(n_observations, 16), nn.Linear(16, n_actions)

    def forward(self, x):
        return self.layer2(F.relu(self.layer1(x)))


policy_net, target_net = DQN(7, 2), DQN(7, 2)
target_net.load_state_dict(policy_net.state_dict())
optimizer = optim.AdamW(policy_net.parameters(), lr=1e-2, amsgrad=True)
memory, env = ReplayMemory(200), Walk()
for episode in range(6):
    state, losses = env.reset().unsqueeze(0), []
    for t in count():
        if random.random() > 0.3:
            with torch.no_grad():
                action = policy_net(state).max(1).indices.view(1, 1)
        else:
            action = torch.tensor([[random.randrange(2)]], dtype=torch.long)
        observation, reward, done = env.step(action.item())
        next_state = None if done else observation.unsqueeze(0)
        memory.push(state, action, next_state, torch.tensor([reward]))
        state = next_state
        if len(memory.memory) >= 8:
            batch = Transition(*zip(*memory.sample(8)))
            non_final_mask = torch.tensor(tuple(s is not None for s in batch.next_state), dtype=torch.bool)
            non_final = torch.cat([s for s in batch.next_state if s is not None])
            values = policy_net(torch.cat(batch.state)).gather(1, torch.cat(batch.action))
            next_values = torch.zeros(8)
            with torch.no_grad():
                next_values[non_final_mask] = target_net(non_final).max(1).values
            expected = next_values * 0.9 + torch.cat(batch.reward)
            loss = nn.SmoothL1Loss()(values, expected.unsqueeze(1))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
            optimizer.step()
            losses.append(loss.item())
        target, source = target_net.state_dict(), policy_net.state_dict()
        for key in source:
            target[key] = source[key] * 0.05 + target[key] * 0.95
        target_net.load_state_dict(target)
        if done:
            break
    print(f"episode {episode}: {t + 1} steps, loss {sum(losses) / max(len(losses), 1):.5f}")

policy, value = nn.Sequential(nn.Linear(7, 8), nn.Tanh(), nn.Linear(8, 2)), nn.Linear(7, 1)
optimizer = optim.Adam([{"params": policy.parameters()}, {"params": value.parameters(), "lr": 1e-1}], lr=1e-2)
for episode in range(4):
    state, log_probs, values, rewards, entropies, done = env.reset(), [], [], [], [], False
    while not done:
        log_p = F.log_softmax(policy(state), dim=-1)
        action = torch.multinomial(log_p.exp(), 1).squeeze()
        log_probs.append(log_p[action])
        entropies.append(-(log_p * log_p.exp()).sum())
        values.append(value(state).squeeze(0))
        state, reward, done = env.step(action.item())
        rewards.append(reward - 0.1)
    returns, R = [], 0
    for r in rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + torch.finfo(torch.float32).eps)
    values = torch.stack(values)
    loss = -(torch.stack(log_probs) * (returns - values.detach())).sum() + F.mse_loss(values, returns) - 0.01 * sum(entropies)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"episode {episode}: length {len(rewards)} loss {loss.item():.5f}")
