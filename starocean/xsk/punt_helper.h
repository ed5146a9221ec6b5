// Internal to Punt: the helper veth pair and its tc program, from creation to removal.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "starocean/base/result.h"

struct punt_bpf;

namespace starocean::xsk {

// The name of slot N as an abstract Unix socket: whoever has it bound owns sopunt<N>a and
// sopunt<N>b.
class PuntSlot {
 public:
  // code EADDRINUSE if somebody owns the slot.
  static Result<PuntSlot> take(uint32_t number);
  PuntSlot(PuntSlot&& other) noexcept;
  PuntSlot& operator=(PuntSlot&& other) noexcept;
  ~PuntSlot();

  uint32_t number() const { return number_; }
  std::string near_end() const;  // frames go in here
  std::string far_end() const;   // and come out here, where the tc program is

 private:
  PuntSlot(uint32_t number, int fd) : number_(number), fd_(fd) {}
  uint32_t number_;
  int fd_;
};

class PuntHelper {
 public:
  static Result<std::unique_ptr<PuntHelper>> create();
  ~PuntHelper();
  PuntHelper(const PuntHelper&) = delete;
  PuntHelper& operator=(const PuntHelper&) = delete;

  uint32_t near_ifindex() const { return near_ifindex_; }
  const std::string& near_end() const { return near_end_; }

 private:
  explicit PuntHelper(PuntSlot slot);
  Status build();
  Status attach_program(uint32_t far_ifindex);

  PuntSlot slot_;
  std::string near_end_;
  uint32_t near_ifindex_ = 0;
  punt_bpf* skeleton_ = nullptr;
};

}  // namespace starocean::xsk
