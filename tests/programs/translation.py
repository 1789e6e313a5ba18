"""Sequence to sequence: an encoder, Bahdanau's attention, teacher forcing, greedy decoding; and nn.Transformer."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(0)
PAD, SOS, EOS, VOCAB = 0, 1, 2, 12
source = [torch.randint(3, VOCAB, (n,)) for n in (6, 5, 3, 3)]
targets = pad_sequence([torch.cat([s.flip(0), torch.tensor([EOS])]) for s in source], batch_first=True)
lengths = torch.tensor([len(s) for s in source])
inputs = pad_sequence(source, batch_first=True, padding_value=PAD)


class Encoder(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, hidden, padding_idx=PAD)
        self.gru = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True)
        out, hidden = self.gru(packed)
        out, _ = pad_packed_sequence(out, batch_first=True)
        return out[:, :, :16] + out[:, :, 16:], hidden[:1] + hidden[1:]


class Attention(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.Wa, self.Ua, self.Va = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 1)

    def forward(self, query, keys, mask):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
        scores.masked_fill_(mask.unsqueeze(1), float("-inf"))
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class Decoder(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.embedding, self.attention = nn.Embedding(VOCAB, hidden), Attention(hidden)
        self.gru, self.out = nn.GRU(2 * hidden, hidden, batch_first=True), nn.Linear(hidden, VOCAB)

    def forward(self, outputs, hidden, mask, target=None, steps=7):
        word = torch.empty(outputs.size(0), 1, dtype=torch.long).fill_(SOS)
        found = []
        for i in range(steps):
            context, _ = self.attention(hidden.permute(1, 0, 2), outputs, mask)
            output, hidden = self.gru(torch.cat((self.embedding(word), context), dim=2), hidden)
            found.append(self.out(output))
            word = target[:, i].unsqueeze(1) if target is not None else found[-1].topk(1)[1].squeeze(-1).detach()
        return F.log_softmax(torch.cat(found, dim=1), dim=-1)


encoder, decoder, criterion = Encoder(), Decoder(), nn.NLLLoss(ignore_index=PAD)
optimizers = [optim.Adam(m.parameters(), lr=0.01) for m in (encoder, decoder)]
mask = inputs == PAD
for epoch in range(4):
    for o in optimizers:
        o.zero_grad()
    outputs, hidden = encoder(inputs, lengths)
    predicted = decoder(outputs, hidden, mask, targets if epoch % 2 == 0 else None)
    loss = criterion(predicted.view(-1, predicted.size(-1)), targets.view(-1))
    loss.backward()
    for o in optimizers:
        o.step()
    print(f"{epoch} {loss.item():.5f}", predicted.argmax(-1)[0].tolist())


class PositionalEncoding(nn.Module):
    def __init__(self, emb_size: int, dropout: float, maxlen: int = 50):
        super().__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2) * math.log(10000) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        table = torch.zeros((maxlen, emb_size))
        table[:, 0::2] = torch.sin(pos * den)
        table[:, 1::2] = torch.cos(pos * den)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("pos_embedding", table.unsqueeze(-2))

    def forward(self, tokens: Tensor):
        return self.dropout(tokens + self.pos_embedding[: tokens.size(0), :])


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.transformer = nn.Transformer(d_model=16, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=32)
        self.generator = nn.Linear(16, VOCAB)
        self.embedding, self.position = nn.Embedding(VOCAB, 16), PositionalEncoding(16, 0.1)

    def forward(self, src, tgt, tgt_mask, src_padding, tgt_padding):
        src, tgt = (self.position(self.embedding(t.long()) * math.sqrt(16)) for t in (src, tgt))
        return self.generator(self.transformer(src, tgt, None, tgt_mask, None, src_padding, tgt_padding, src_padding))


model = Translator()
for p in model.parameters():
    if p.dim() > 1:
        nn.init.xavier_uniform_(p)
optimizer = optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.98), eps=1e-9)
src, tgt = inputs.t(), targets.t()
for _ in range(3):
    tgt_input = tgt[:-1, :]
    causal = (torch.triu(torch.ones((6, 6))) == 1).transpose(0, 1)
    causal = causal.float().masked_fill(causal == 0, float("-inf")).masked_fill(causal == 1, float(0.0))
    pads = (tgt_input == PAD).transpose(0, 1)
    logits = model(src, tgt_input, causal, mask.float().masked_fill(mask, float("-inf")), pads.float().masked_fill(pads, float("-inf")))
    loss = nn.CrossEntropyLoss(ignore_index=PAD)(logits.reshape(-1, VOCAB), tgt[1:, :].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.4f}")
