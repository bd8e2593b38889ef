// The one place where Asio and Beast are compiled; all other files only see
// their declarations (BOOST_ASIO_SEPARATE_COMPILATION and
// BOOST_BEAST_SEPARATE_COMPILATION), which saves seconds in each of them.

#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
