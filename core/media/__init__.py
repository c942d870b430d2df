"""Audio: rtpengine as a child or a neighbour, the sessions of calls, prompts, and an RTP peer."""
