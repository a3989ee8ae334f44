// erlnode for C++17: the C API with objects that own their handles, exceptions, and templates that check their values.
//
// Header-only: needs erlnode.h and liberlnode, nothing else. Every failure throws erlnode::Error, which carries the status
// and the text; a timeout while receiving is no failure but an empty answer. Objects move and do not copy. What is
// borrowed (std::string_view) lives as long as the message or writer it came from.
//
//     erlnode::Node node(erlnode::Config("pong@localhost"));
//     erlnode::Mailbox box = node.mailbox("pong");
//     while (auto message = box.receive()) {
//         erln_pid from;
//         if (message->match("{ping, ~p}", from)) box.send(from, "pong");
//     }

#ifndef ERLNODE_HPP
#define ERLNODE_HPP

// Each includes what it needs: Writer and Reader; Message and Request; Mailbox; Config and Node; Server.
#include "erlnode/mailbox.hpp"
#include "erlnode/message.hpp"
#include "erlnode/node.hpp"
#include "erlnode/server.hpp"
#include "erlnode/term.hpp"

#endif  // ERLNODE_HPP
